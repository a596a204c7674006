import type { SessionContext } from '@mikro-orm/core';

/** A query as MikroORM prepares it: seen by `onQuery`, and with the values in the text. */
interface PreparedQuery {
  query: string;
  params: unknown[];
  formatted: string;
}

/** MikroORM's own means, which its connections keep to themselves. */
export interface SessionContextTools {
  prepare(sql: string, params: readonly unknown[]): PreparedQuery;
  stringify(value: unknown): string;
  quoteRole(role: string): string;
  log(query: PreparedQuery): void;
}

/** As MikroORM's log has it; a schema in front of its name is for those who have a `set_config` of their own. */
const unqualified = (sql: string): string => sql.replaceAll('pg_catalog.set_config(', 'set_config(');

/** The statements that apply session variables and a role for the length of a transaction, as MikroORM words them. */
export const sessionStatements = ({ variables = {}, role }: SessionContext, tools: SessionContextTools): string[] => {
  const queries: PreparedQuery[] = [];
  const entries = Object.entries(variables);
  if (entries.length > 0) {
    const values = entries.flatMap(([name, value]) => [name, tools.stringify(value)]);
    queries.push(tools.prepare(`select ${entries.map(() => 'pg_catalog.set_config(?, ?, true)').join(', ')}`, values));
  }
  if (role) {
    queries.push(tools.prepare(`set local role ${tools.quoteRole(role)}`, []));
  }
  for (const query of queries) {
    tools.log({ ...query, query: unqualified(query.query), formatted: unqualified(query.formatted) });
  }
  return queries.map(({ formatted }) => formatted);
};
