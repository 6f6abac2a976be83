/** What the promise is rejected with; fails when it is not. */
export async function rejection(promise: PromiseLike<unknown>): Promise<{ status?: number; error?: unknown }> {
  try {
    await promise
  } catch (error) {
    return error as { status?: number }
  }
  throw new Error('was not refused')
}
