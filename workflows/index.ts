export { erase } from './erase.ts'
export { scheduled } from './scheduled.ts'
export { session } from './session.ts'
export { webhook } from './webhook.ts'
