import type { HoldfastConfig } from './settings.ts'

/** Gives `temporal.config.ts` its types: `export default defineConfig({ ... })`. */
export function defineConfig(config: HoldfastConfig): HoldfastConfig {
  return config
}
