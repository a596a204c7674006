import type { Leftover } from '../pool/leftovers.js';
import { leftoversOf } from './leftovers.js';
import { Lexer, type Statement } from './lexer.js';
import { refusalOf } from './transaction-control.js';

/** What a transaction has to know of a text of SQL before it's sent. */
export interface StatementText {
  /** Whether it can travel with other statements in one batch: it certainly is one statement, and no COPY FROM STDIN. */
  readonly joinable: boolean;
  /** What it holds depends on a setting of the server's. */
  readonly inDoubt: boolean;
  /** Whether it takes a snapshot, as all do but those that prepare the taking of one. */
  readonly takesSnapshot: boolean;
  /** Whether it may write, though it takes no snapshot itself. */
  readonly mayWriteLater: boolean;
  /** Whether it may send a notification, which gets the transaction an id at COMMIT only. */
  readonly mayNotify: boolean;
  /** Whether the rights of those that come after it may be others. */
  readonly mayChangeRole: boolean;
  /** What it may leave on the session. */
  readonly leaves: readonly Leftover[];
  /** Why it can't be sent in a transaction. */
  readonly refusal: string | undefined;
}

/** As PostgreSQL's own list has it (`PlannedStmtRequiresSnapshot`), less transaction control, which is refused. */
const NO_SNAPSHOT: readonly (string | undefined)[] = [
  ...['lock', 'set', 'reset', 'show', 'savepoint', 'release', 'rollback'],
  ...['fetch', 'move', 'listen', 'notify', 'unlisten', 'checkpoint', undefined],
];
const WRITES_LATER: readonly (string | undefined)[] = ['fetch', 'move', 'notify'];
const SETTINGS: readonly (string | undefined)[] = ['set', 'reset'];
const PROGRAMS: readonly (string | undefined)[] = ['do', 'call'];
const ROLE = ['role', 'authorization', 'u'];
/** Longer texts are data, and what they say is nobody's command. */
const LONG = 100_000;

const isCopyFromStdin = ({ tokens }: Statement): boolean =>
  tokens[0] === 'copy' && tokens.some((token, index) => token === 'from' && tokens[index + 1] === 'stdin');

/** `readOnly`: the transaction is to stay so. */
export function readStatementText(sql: string, { readOnly }: { readonly readOnly: boolean }): StatementText {
  // of a text without a semicolon there can be no second statement, whatever its quotes mean
  const statements = sql.includes(';') ? [...new Lexer(sql).statements()] : undefined;
  const first = statements?.[0] ?? new Lexer(sql).first();
  const facts = {
    joinable: !isCopyFromStdin(first),
    inDoubt: false,
    takesSnapshot: false,
    mayWriteLater: false,
    mayNotify: sql.length < LONG && /(?:\b|pg_)notify\b/i.test(sql),
    mayChangeRole: sql.length < LONG && /set_config/i.test(sql),
    leaves: leftoversOf(sql, statements ?? [first]),
    refusal: undefined as string | undefined,
  };
  const learn = ({ tokens }: Statement): void => {
    const [verb] = tokens;
    facts.takesSnapshot ||= !NO_SNAPSHOT.includes(verb);
    facts.mayWriteLater ||= WRITES_LATER.includes(verb);
    facts.mayChangeRole ||=
      PROGRAMS.includes(verb) || (SETTINGS.includes(verb) && tokens.some((token) => ROLE.includes(token)));
    facts.refusal ??= refusalOf(tokens, { readOnly });
  };
  learn(first);
  for (const [index, statement] of statements?.entries() ?? []) {
    facts.joinable &&= !statement.inDoubt && (index === 0 || statement.tokens.length === 0);
    facts.inDoubt ||= statement.inDoubt;
    learn(statement);
  }
  return facts;
}
