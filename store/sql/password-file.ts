import pgpass from 'pgpass'

/**
 * The password of the file that PGPASSFILE names, or of `~/.pgpass`, as the programs of PostgreSQL look for it; undefined
 * when there is none.
 */
export function passwordFromFile(connection: PasswordFor): Promise<string | undefined> {
  return new Promise((resolve) => pgpass(connection, resolve))
}

export interface PasswordFor {
  host: string
  port: number
  database: string
  user: string
}
