import { invalidRequest } from '../protocol/errors.ts'
import { mountTargetProblem } from '../protocol/mount-path.ts'
import type { SessionResource } from '../protocol/sessions.ts'

type Placed = Pick<SessionResource, 'type' | 'mount_path'>

const uploads = '/mnt/session/uploads'

/** The places in a session's container that are taken: none lies in another. */
export class MountPlaces {
  readonly #taken: string[]

  constructor(resources: Placed[] = []) {
    this.#taken = resources.flatMap(placesOf)
  }

  /**
   * Takes the places of a resource.
   * @param where the field of the request that names its path
   * @throws ApiError 400
   */
  take(resource: Placed, where: string): void {
    const problem = mountTargetProblem(resource.mount_path)
    if (problem) throw invalidRequest(`${where}: ${problem}`)
    const places = placesOf(resource)
    for (const place of places) {
      const clash = this.#taken.find(
        (other) => other === place || other.startsWith(`${place}/`) || place.startsWith(`${other}/`),
      )
      if (clash) throw invalidRequest(`${where}: ${place} collides with ${clash}`)
    }
    this.#taken.push(...places)
  }
}

/** A file also appears below the folder of the uploads, wherever it is mounted. Source: spec §12.1. */
function placesOf({ type, mount_path }: Placed): string[] {
  const isElsewhere = type === 'file' && !mount_path.startsWith(`${uploads}/`)
  return isElsewhere ? [mount_path, uploads + mount_path] : [mount_path]
}
