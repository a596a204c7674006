/** The names that savepoints of inner units have. Numbered in each transaction; 0 is the driver's own. */
const OWN_SAVEPOINT = /^trx\d+$/;

/** The savepoint that `release` or `rollback to` names, from the words that follow. */
const savepointIn = (tokens: readonly (string | undefined)[]): string | undefined =>
  nameIn(tokens[0] === 'savepoint' && tokens[1] !== undefined ? tokens.slice(1) : tokens);

/** `U&"..."` may spell any name. */
const nameIn = ([name, next]: readonly (string | undefined)[]): string | undefined =>
  name === 'u' && next === '&' ? 'trx0' : name;

const ownSavepoint = (name: string | undefined): string | undefined =>
  name !== undefined && OWN_SAVEPOINT.test(name)
    ? `savepoints named trx1, trx2... are those of inner units: take another name, or open an inner unit with run() or begin()`
    : undefined;

/** Whether what follows SET makes a transaction that is read-only another one. */
const allowsWriting = (tokens: readonly string[]): boolean =>
  tokens.includes('transaction_read_only') ||
  // a name that may spell anything
  (tokens.includes('u') && tokens.includes('&')) ||
  (tokens.find((token) => token !== 'local' && token !== 'session') === 'transaction' &&
    tokens.some((token, index) => token === 'read' && tokens[index + 1] === 'write'));

/**
 * Why a statement can't be sent as one of a transaction's: it would end the transaction, or take from it what its outcome
 * is told by. Savepoints with names of one's own are welcome.
 */
export function refusalOf(
  [verb, ...tokens]: readonly string[],
  { readOnly }: { readonly readOnly: boolean },
): string | undefined {
  switch (verb) {
    case 'commit':
    case 'end':
      return `"${verb}" would end the transaction: call commit() of the unit of work, or return from its work`;
    case 'abort':
      return '"abort" would end the transaction: call rollback() of the unit of work, or throw from its work';
    case 'rollback': {
      const [next, ...more] = tokens[0] === 'work' || tokens[0] === 'transaction' ? tokens.slice(1) : tokens;
      return next === 'to'
        ? ownSavepoint(savepointIn(more))
        : '"rollback" would end the transaction: call rollback() of the unit of work, or throw from its work';
    }
    case 'begin':
    case 'start':
      return (
        `"${verb}" can't begin a transaction in a transaction: open an inner unit with run() or begin() for a savepoint, ` +
        "or one with propagation 'requires_new' for a transaction of its own"
      );
    case 'prepare':
      return tokens[0] === 'transaction'
        ? '"prepare transaction" would end the transaction for somebody else to commit: there are no two-phase commits here'
        : undefined;
    case 'savepoint':
      return ownSavepoint(nameIn(tokens));
    case 'release':
      return ownSavepoint(savepointIn(tokens));
    case 'set':
    case 'reset':
      return readOnly && allowsWriting(tokens)
        ? `"${verb}" would let a read-only transaction write: open the unit without readOnly`
        : undefined;
    default:
      return undefined;
  }
}
