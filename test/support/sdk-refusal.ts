import Anthropic from '@anthropic-ai/sdk'

/** How the server refused what the official SDK asked for; whatever else happens fails the test. */
export async function sdkRefusal(call: Promise<unknown>) {
  const result = await call.catch((error: unknown) => error)
  if (!(result instanceof Anthropic.APIError)) throw new Error(`was not refused: ${JSON.stringify(result)}`)
  const { error } = result.error as { error: { type: string; message: string; details?: { error_code?: string } } }
  return { status: result.status as number, type: error.type, message: error.message, code: error.details?.error_code }
}
