import { RecordsUnavailable } from '../../store/records-unavailable.ts'

/** A call of the records that is done, while whoever made it hears that nobody knows. */
export const unheard =
  <Given extends unknown[]>(call: (...given: Given) => Promise<unknown>) =>
  async (...given: Given): Promise<never> => {
    await call(...given)
    throw new RecordsUnavailable({ cause: new Error('the connection was lost'), mayBeDone: true })
  }
