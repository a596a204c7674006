/**
 * The other sessions on the database that is asked, for a `from` clause. A developer's server holds more than the tests'
 * databases: what looks at `pg_stat_activity`, or ends what it finds there, has to look through this.
 */
export const otherSessions = `(
  select * from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
) as session`;
