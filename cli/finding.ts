/** What was found about one requirement. */
export interface Finding {
  name: string
  /** `missing`: Holdfast does not work without it. `warning`: a part of it does not. */
  status: 'ok' | 'warning' | 'missing'
  found: string
  /** The command or setting that mends it. */
  fix?: string
}
