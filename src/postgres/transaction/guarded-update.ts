/** What PostgreSQL is made to read as a number where an UPDATE has met other rows than it should. */
const MARK = 'mikro-orm-uow met ';

/** The clause in which MikroORM asks for columns: at the very end, where no literal can be. */
const RETURNING = /\sreturning\s+"[^"]+"(?:,\s*"[^"]+")*$/i;

/**
 * An UPDATE that fails, and with it all that comes behind it, unless it meets so many rows; what it returns, it returns. Undefined
 * where it can't be made of the text. Names, operators and functions are those of pg_catalog, whatever `search_path` says.
 */
export function guardedUpdate(sql: string, rows: number): string | undefined {
  if (!/^update\s/i.test(sql)) {
    return undefined;
  }
  const met = `select case when pg_catalog.int8eq(pg_catalog.count(*), ${rows}) then null
    else pg_catalog.concat('${MARK}', pg_catalog.count(*))::pg_catalog.int4 end as guard from written`;
  if (RETURNING.test(sql)) {
    return `with written as (${sql}), met as (${met})
      select written.* from met left join written on true where met.guard is null`;
  }
  return /\breturning\b/i.test(sql) ? undefined : `with written as (${sql} returning 1) ${met}`;
}

/** How many columns the UPDATE returns, by its own clause. */
export const columnsReturned = (sql: string): number => RETURNING.exec(sql)?.[0].split('", "').length ?? 0;

/** How many rows a guarded UPDATE has met, if that is why it failed. */
export function rowsMet(error: Error): number | undefined {
  const { code } = error as { code?: unknown };
  const [, met] = code === '22P02' ? (new RegExp(`"${MARK}(\\d+)"$`).exec(error.message) ?? []) : [];
  return met === undefined ? undefined : Number(met);
}
