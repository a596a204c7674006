/** SQL as a test wants to read it: what is done to which table, and the control statements; their order is kept. */
export function shorten(sql: readonly string[]): string[] {
  return sql.flatMap((text) => statements(text)).filter((text) => !isCompanion(text));
}

const statements = (text: string): string[] => [shortened(text.trim().toLowerCase().replaceAll(/\s+/g, ' '))];

/** What the driver asks beside the statement that somebody wrote. */
const isCompanion = (text: string): boolean =>
  /^(discard|select pg_catalog\.pg_current_xact_id|select$)|savepoint trx0$/.test(text);

function shortened(text: string): string {
  const savepoint = /^(savepoint|rollback to savepoint|release savepoint|rollback to|release) "?(\w+)"?;?$/.exec(text);
  if (savepoint !== null) {
    const [, verb = '', name = ''] = savepoint;
    return `${verb.replace(/^(rollback to|release)$/, '$1 savepoint')} ${name}`;
  }
  const table = /^(insert) into "(\w+)"|^(update) "(\w+)"|^(delete) from "(\w+)"|^(select) .* from "(\w+)"/.exec(text);
  return table === null ? text.replace(/;$/, '') : table.slice(1).filter(Boolean).join(' ');
}
