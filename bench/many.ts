/** Some at a time, as clients do. */
export async function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  while (made.length < count) {
    made.push(...(await Promise.all(Array.from({ length: Math.min(10, count - made.length) }, make))))
  }
  return made
}
