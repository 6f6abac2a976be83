/** Frees a buffer's memory at once, unless it is a part of a larger one: the rest of that is somebody else's. */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
