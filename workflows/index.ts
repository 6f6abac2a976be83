export { erase } from './erase.ts'
export { session } from './session.ts'
