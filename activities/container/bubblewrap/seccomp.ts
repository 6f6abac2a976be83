/**
 * A seccomp filter as classic BPF, made in plain TypeScript: no native module. What it refuses is what an agent's tools
 * do not need and what has opened kernels before. Each list is by architecture; a number is the system call's.
 */

interface Architecture {
  /** AUDIT_ARCH of the kernel. */
  audit: number
  clone: number
  clone3: number
  socket: number
  ioctl: number
  refused: number[]
}

const x64: Architecture = {
  audit: 0xc000003e,
  clone: 56,
  clone3: 435,
  socket: 41,
  ioctl: 16,
  refused: [
    101, // ptrace
    ...[248, 249, 250], // add_key, request_key, keyctl
    ...[321, 298, 323], // bpf, perf_event_open, userfaultfd
    ...[165, 166, 155, 161, 272, 308], // mount, umount2, pivot_root, chroot, unshare, setns
    ...[428, 429, 430, 431, 432, 433, 442], // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
    ...[425, 426, 427], // io_uring_setup, io_uring_enter, io_uring_register
    ...[246, 320, 175, 313, 176], // kexec_load, kexec_file_load, init_module, finit_module, delete_module
    ...[303, 304], // name_to_handle_at, open_by_handle_at
    ...[310, 311, 312, 438], // process_vm_readv, process_vm_writev, kcmp, pidfd_getfd
    ...[167, 168, 169, 163], // swapon, swapoff, reboot, acct
    ...[164, 227, 179, 443, 103], // settimeofday, clock_settime, quotactl, quotactl_fd, syslog
    ...[212, 135, 172, 173, 300], // lookup_dcookie, personality, iopl, ioperm, fanotify_init
    ...[279, 256, 237, 238, 153, 180], // move_pages, migrate_pages, mbind, set_mempolicy, vhangup, nfsservctl
  ],
}

const arm64: Architecture = {
  audit: 0xc00000b7,
  clone: 220,
  clone3: 435,
  socket: 198,
  ioctl: 29,
  refused: [
    117,
    ...[217, 218, 219],
    ...[280, 241, 282],
    ...[40, 39, 41, 51, 97, 268],
    ...[428, 429, 430, 431, 432, 433, 442],
    ...[425, 426, 427],
    ...[104, 294, 105, 273, 106],
    ...[264, 265],
    ...[270, 271, 272, 438],
    ...[224, 225, 142, 89],
    ...[170, 112, 60, 443, 116],
    ...[18, 92, 262],
    ...[239, 238, 235, 237, 58],
  ],
}

const architectures: Record<string, Architecture> = { x64, arm64 }

const load = (offset: number): Instruction => [0x20, 0, 0, offset]
const equals = (value: number, yes: number, no: number): Instruction => [0x15, yes, no, value]
const atLeast = (value: number, yes: number, no: number): Instruction => [0x35, yes, no, value]
const hasAny = (bits: number, yes: number, no: number): Instruction => [0x45, yes, no, bits]
const allow: Instruction = [0x06, 0, 0, 0x7fff0000]
const kill: Instruction = [0x06, 0, 0, 0x80000000]
const refuse = (errno: number): Instruction => [0x06, 0, 0, 0x00050000 | errno]
type Instruction = [code: number, yes: number, no: number, value: number]

const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e020000
/** Unix, IPv4, IPv6, netlink. */
const families = [1, 2, 10, 16]
/** TIOCSTI and TIOCLINUX push input into a terminal. */
const terminalInjection = [0x5412, 0x541c]

/** The filter for an architecture, undefined when there is none. */
export function seccompFilter(architecture: string = process.arch): Buffer | undefined {
  const table = architectures[architecture]
  if (!table) return undefined
  const program: Instruction[] = [
    load(4),
    equals(table.audit, 1, 0),
    kill,
    load(0),
    // The x32 ABI has numbers of its own that would pass by the list.
    ...(table === x64 ? [atLeast(0x40000000, 0, 1), refuse(ENOSYS)] : []),
    ...table.refused.flatMap((call) => [equals(call, 0, 1), refuse(EPERM)]),
    // "Not there" makes the C library use clone, whose flags can be seen here.
    ...[equals(table.clone3, 0, 1), refuse(ENOSYS)],
    ...[equals(table.clone, 0, 4), load(16), hasAny(newNamespaces, 0, 1), refuse(EPERM), allow],
    equals(table.socket, 0, families.length + 3),
    load(16),
    ...families.map((family, index) => equals(family, families.length - index, 0)),
    refuse(EAFNOSUPPORT),
    allow,
    equals(table.ioctl, 0, terminalInjection.length + 2),
    load(24),
    equals(terminalInjection[0]!, 1, 0),
    equals(terminalInjection[1]!, 0, 1),
    refuse(EPERM),
    allow,
  ]
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, yes, no, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(yes, index * 8 + 2)
    bytes.writeUInt8(no, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  }
  return bytes
}
