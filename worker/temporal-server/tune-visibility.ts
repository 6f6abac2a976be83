import { DatabaseSync } from 'node:sqlite'

const table = 'executions_visibility'

/**
 * Tunes the list of workflows in the server's SQLite file for sessions; what can be searched and what is found stays.
 *
 * - The server makes an index for each of some forty attributes that a workflow may be searched by, and two for full
 *   text, and writes all of them whenever a session's state changes. Here they leave out the rows that lack the
 *   attribute.
 * - It searches by ids among all that run, newest first: SQLite knows nothing of the rows, and avoids sorting. Statistics
 *   tell it that an id is rare and a status is not.
 *
 * All that the server does waits for its one connection, so neither is only about lists. Does nothing when it was done
 * before, or when the tables are not those it knows.
 */
export function tuneVisibility(file: string): void {
  const database = new DatabaseSync(file, { timeout: 10_000 })
  try {
    const indexes = ofTable(database, 'index')
    const changes = [...sparse(database, indexes), ...sparseFullText(database)]
    if (changes.length === 0) return
    database.exec(['BEGIN IMMEDIATE', ...changes, ...statistics(indexes), 'COMMIT'].join(';\n'))
  } finally {
    database.close()
  }
}

interface Part {
  name: string
  sql: string
}

/** Those that somebody made, without SQLite's own. */
function ofTable(database: DatabaseSync, type: 'index' | 'trigger'): Part[] {
  return database
    .prepare('SELECT name, sql FROM sqlite_master WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL')
    .all(type, table) as unknown as Part[]
}

interface Column {
  name: string
  notnull: number
  /** 1 for those that a full-text table has of itself. */
  hidden: number
}

function columnsOf(database: DatabaseSync, name: string): Column[] {
  const columns = database.prepare(`PRAGMA table_xinfo(${name})`).all() as unknown as Column[]
  return columns.filter(({ hidden }) => hidden !== 1)
}

/** Every comparison with a column leaves its NULLs out, so SQLite uses such an index for each of them. */
function sparse(database: DatabaseSync, indexes: Part[]): string[] {
  const all = columnsOf(database, table)
  const optional = new Set(all.filter(({ notnull }) => notnull === 0).map(({ name }) => name))
  return indexes.flatMap(({ name, sql }) => {
    const column = /\(namespace_id, (\w+),.*\)$/.exec(sql)?.[1]
    return column && optional.has(column) ? [`DROP INDEX ${name}`, `${sql} WHERE ${column} IS NOT NULL`] : []
  })
}

const fullText = [`${table}_fts_text`, `${table}_fts_keyword_list`]

/** The server's triggers write both full-text indexes each time; these look first whether their columns have changed. */
function sparseFullText(database: DatabaseSync): string[] {
  const theirs = ['ad', 'ai', 'au'].map((event) => `${table}_${event}`)
  const found = ofTable(database, 'trigger').map(({ name }) => name)
  if (found.sort().join() !== theirs.join()) return []
  return [...theirs.map((name) => `DROP TRIGGER ${name}`), ...fullText.flatMap((index) => triggers(database, index))]
}

function triggers(database: DatabaseSync, index: string): string[] {
  const columns = columnsOf(database, index).map(({ name }) => name)
  const list = columns.join(', ')
  const of = (row: 'OLD' | 'NEW') => columns.map((column) => `${row}.${column}`)
  const any = (row: 'OLD' | 'NEW') => `${of(row).join(' IS NOT NULL OR ')} IS NOT NULL`
  const changed = columns.map((column) => `OLD.${column} IS NOT NEW.${column}`).join(' OR ')
  const add = `INSERT INTO ${index} (rowid, ${list}) SELECT NEW.rowid, ${of('NEW').join(', ')} WHERE ${any('NEW')};`
  const remove = `INSERT INTO ${index} (${index}, rowid, ${list}) SELECT 'delete', OLD.rowid, ${of('OLD').join(', ')} WHERE ${any('OLD')};`
  return [
    `CREATE TRIGGER ${index}_ai AFTER INSERT ON ${table} WHEN ${any('NEW')} BEGIN ${add} END`,
    `CREATE TRIGGER ${index}_ad AFTER DELETE ON ${table} WHEN ${any('OLD')} BEGIN ${remove} END`,
    `CREATE TRIGGER ${index}_au AFTER UPDATE ON ${table} WHEN ${changed} BEGIN ${remove} ${add} END`,
  ]
}

/**
 * Rows of the table, and how many of them have one namespace, one value of the column beside it, one time of their end,
 * one of their start, one run. Source: https://www.sqlite.org/fileformat2.html#stat1tab
 */
const rare = '100000 100000 1 1 1 1'
const common = '100000 100000 50000 50000 2 1'

function statistics(indexes: Part[]): string[] {
  const known = new Set(indexes.map(({ name }) => name))
  const rows = Object.entries({
    by_workflow_id: rare,
    by_root_workflow_id: rare,
    by_root_run_id: rare,
    by_execution_time: rare,
    by_status: common,
    by_workflow_type: common,
    by_task_queue: common,
    default_idx: '100000 100000 50000 2 1',
  }).filter(([name]) => known.has(name))
  return [
    // Makes the table of statistics, also when there is nothing to be counted yet.
    `ANALYZE ${table}`,
    `DELETE FROM sqlite_stat1 WHERE tbl = '${table}'`,
    ...rows.map(([name, stat]) => `INSERT INTO sqlite_stat1 VALUES ('${table}', '${name}', '${stat}')`),
  ]
}
