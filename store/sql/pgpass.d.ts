declare module 'pgpass' {
  /** Looks a connection's password up in the passfile; gives undefined when there is none. */
  export default function pgpass(
    connection: { host: string; port: number; database: string; user: string },
    found: (password: string | undefined) => void,
  ): void
}
