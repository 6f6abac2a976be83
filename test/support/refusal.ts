import { ApiError } from '../../protocol/errors.ts'

/** The error of the API with which the call is refused; whatever else happens fails the test. */
export async function refusal(call: () => unknown): Promise<ApiError> {
  let result: unknown
  try {
    result = await call()
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
  throw new Error(`was not refused: ${JSON.stringify(result)}`)
}
