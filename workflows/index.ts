export { session } from './session.ts'
export { erase } from './erase.ts'
