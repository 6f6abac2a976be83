/** What a session may leave in its outputs folder for others to download. Sizes in bytes. */
export interface OutputLimits {
  /** Of one file. */
  fileBytes: number
  /** Of all of them together. */
  totalBytes: number
  /** How many. */
  files: number
}

/** Why a path is not offered for download, or undefined when it is. */
export function refusal(
  path: string,
  { size, links }: { size: number; links: number },
  others: { files: number; bytes: number },
  limits: OutputLimits,
): string | undefined {
  if (/\p{Cc}|\uFFFD/u.test(path)) return 'its name has a control character or is not valid UTF-8'
  if (path.length > 255) return 'its path has more than 255 characters'
  // Content that also lies elsewhere may be changed or be somebody else's: a copy is whole.
  if (links > 1) return 'it is a hard link; copy it instead'
  if (size > limits.fileBytes) return `it has ${size} bytes, and one file may have ${limits.fileBytes}`
  if (others.files >= limits.files) return `there are ${limits.files} files already, which is the most`
  if (others.bytes + size > limits.totalBytes) {
    return `with its ${size} bytes the folder would exceed the ${limits.totalBytes} that it may have in all`
  }
  return undefined
}

/**
 * The name under which the file is offered: its path below the outputs folder, so that files of different folders stay
 * apart, without the characters that no file name of the API has. Source: spec §15.2.
 */
export const offeredName = (path: string) => path.replace(/[<>:"|?*\\]/g, '_')
