/** The HTTP API over a Holdfast of your own: `import { startServer } from 'holdfast/server'`. */
export { startServer } from './main.ts'
