/** Whether the records of this URL are in PostgreSQL; in SQLite otherwise. */
export const isPostgresUrl = (url: string): boolean => /^postgres(ql)?:\/\//i.test(url)
