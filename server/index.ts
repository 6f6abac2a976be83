/** The HTTP API over a Holdfast of your own: `import { startServer } from 'holdfast/server'`. */
export { type HttpServer, type ServerOptions, startServer } from './main.ts'
