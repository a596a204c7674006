import { query } from '../../support/database.js';

/** Few, so that clients meet on them; not so few that a silent connection, which keeps its locks, holds up everybody. */
export const accounts = 40;
export const openingBalance = 1_000;
/** An entry that is always there: to insert it again is an error. */
export const takenId = 'taken';

/** What a transfer moves. */
export interface Transfer {
  readonly source: number;
  readonly target: number;
  readonly amount: number;
}

/** Makes the bank's database, empty of transfers, and returns its address. */
export async function createBank(serverUrl: string): Promise<string> {
  await query(serverUrl, 'create database bank');
  // what the server was told to be careless about; a commit that was answered has to survive a crash of its processes
  await query(serverUrl, 'alter database bank set synchronous_commit = on');
  await query(serverUrl, "alter database bank set deadlock_timeout = '50ms'");
  const url = new URL(serverUrl);
  url.pathname = '/bank';
  await query(
    url.href,
    `create table account (id integer primary key, balance integer not null);
     create table journal (
       id text primary key,
       source integer not null references account deferrable initially deferred,
       target integer not null references account deferrable initially deferred,
       amount integer not null
     );
     create table completed_unit (
       key varchar(255) primary key, name varchar(255) not null, run uuid not null, result jsonb, completed_at timestamptz not null
     )`,
  );
  await resetBank(url.href);
  return url.href;
}

/** Takes all transfers back. */
export async function resetBank(url: string): Promise<void> {
  await query(
    url,
    `truncate account, journal, completed_unit;
     insert into account select id, ${openingBalance} from generate_series(1, ${accounts}) id;
     insert into journal values ('${takenId}', 1, 1, 0)`,
  );
}
