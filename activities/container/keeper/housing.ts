import { bwrapOptions, command } from '../bubblewrap/arguments.ts'
import { Cgroup, type CgroupVersion } from '../bubblewrap/cgroups.ts'
import { launch } from '../bubblewrap/launch.ts'
import type { ContainerNotice, ContainerSpec, EgressPolicy, Injection } from '../provider.ts'
import { Gateway } from './gateway.ts'
import { KeptContainer } from './kept-container.ts'
import { makeMountPoints } from './mount-points.ts'
import type { RuntimeFiles } from './runtime-files.ts'
import type { SessionFolder } from './session-folder.ts'
import { layOut } from './software.ts'
import { writeTrust } from './trust.ts'
import { giveWritableMounts } from './writable-mounts.ts'

export interface Host {
  root: string
  runtime: RuntimeFiles
  cgroups: CgroupVersion
  /** Begins the names of this data folder's cgroups. */
  cgroupPrefix: string
}

/** A container with what it has around it: its limits, its way out, its software. */
export class Housing {
  readonly #host: Host
  readonly #folder: SessionFolder
  #cgroup: Cgroup | undefined
  #gateway: Gateway | undefined
  /** Absent until it is started. */
  container: KeptContainer | undefined
  /** What of its mounts is not there. */
  notices: ContainerNotice[] = []

  constructor(host: Host, folder: SessionFolder) {
    this.#host = host
    this.#folder = folder
  }

  /** Whether the container was given placeholders of secrets. */
  get hasInjections(): boolean {
    return this.#gateway?.certificate !== undefined
  }

  inject(injections: Injection[]): void {
    if (this.#gateway) this.#gateway.policy = { ...this.#gateway.policy, injections }
  }

  renew(egress: EgressPolicy | undefined): void {
    this.#gateway?.renew(egress)
  }

  /** Resolves when the container takes calls. After a failure there may be something to end. */
  async start(spec: ContainerSpec, uid: number | undefined): Promise<KeptContainer> {
    const { runtime, cgroups, cgroupPrefix } = this.#host
    const folder = this.#folder
    if (uid !== undefined) await giveWritableMounts(spec.mounts, uid)
    const { mounts, notices } = await makeMountPoints(folder, spec.mounts, uid)
    this.notices = notices
    this.#cgroup = cgroups && (await Cgroup.create(cgroups, `${cgroupPrefix}${spec.sessionId}`, spec.limits))
    if (spec.egress) this.#gateway = await Gateway.open(folder.gateway, spec.egress, uid)
    const certificate = this.#gateway?.certificate
    if (certificate !== undefined) await writeTrust(folder.trust, certificate)
    const software = spec.software && (await layOut(spec.software, folder.usr))
    const layout = {
      ...folder.layout,
      ...runtime,
      ...(software?.overUsr && { usr: software.overUsr.at }),
      ...(this.#gateway && { gateway: folder.gateway }),
      ...(certificate !== undefined && { trust: folder.trust }),
    }
    const { tmpBytes } = spec.limits
    const process = launch({
      options: (seccompDescriptor) =>
        bwrapOptions(layout, [...mounts, ...(software?.mounts ?? [])], {
          tmpBytes,
          seccompDescriptor,
          environment: { ...software?.variables, ...spec.environment },
          path: software?.path,
        }),
      command,
      limits: spec.limits,
      ...(uid !== undefined && { uid }),
      cgroups: this.#cgroup?.entries ?? [],
      ...(software?.overUsr && { overUsr: software.overUsr }),
    })
    this.container = new KeptContainer(process)
    await this.container.started()
    return this.container
  }

  /** Ends the container, with its processes, and takes away what it had. */
  async end(): Promise<void> {
    await this.container?.stop()
    const [cgroup, gateway] = [this.#cgroup, this.#gateway]
    this.#cgroup = undefined
    this.#gateway = undefined
    await gateway?.close()
    await cgroup?.remove()
  }
}
