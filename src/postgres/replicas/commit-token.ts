import { ConfigurationError } from '../../errors.js';

/** Where a primary's log stood. */
export interface LogPosition {
  /** The database cluster, and its timeline: after a failover it is another one. */
  readonly history: string;
  /** Within the log of that timeline. */
  readonly lsn: string;
}

const HISTORY = `pg_catalog.concat((pg_catalog.pg_control_system()).system_identifier, '.',`;

/** On the primary: up to where its log has been written now, and its history. */
export const POSITION = `select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text as lsn,
  ${HISTORY} pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)) as history`;

/** On a replica: whether it has replayed the log up to there, if its history is the same; null where it is no replica. */
export const HAS_REPLAYED = `select case when ${HISTORY}
    pg_catalog.lpad(pg_catalog.upper(pg_catalog.to_hex((pg_catalog.pg_control_checkpoint()).timeline_id)), 8, '0'))
    operator(pg_catalog.=) $2::pg_catalog.text
  then pg_catalog.pg_last_wal_replay_lsn() operator(pg_catalog.>=) $1::pg_catalog.pg_lsn end as reached`;

const FORM = /^1:(\d{1,20}\.[0-9A-F]{8}):([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/;

/** The token that tells where the log stands: a text, for another process to read. */
export const formatToken = ({ history, lsn }: LogPosition): string => `1:${history}:${lsn}`;

/** @throws ConfigurationError where it is no token of a unit's */
export function parseToken(token: unknown): LogPosition {
  const [, history, lsn] = (typeof token === 'string' && token.length <= 64 && FORM.exec(token)) || [];
  if (history === undefined || lsn === undefined) {
    throw new ConfigurationError(
      `readOnly: { after } takes what commitToken() of a committed unit gave, and got something else. Nothing was sent.`,
    );
  }
  return { history, lsn };
}
