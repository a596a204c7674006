import type { UnitStatus } from '../../errors.js';
import type { Outcome, Session } from '../pool/session.js';
import type { StatementText } from './statement-text.js';

const ENDINGS: readonly string[] = ['COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION'];
/** After these the transaction is another one, if there's one at all. */
const FOREIGN: readonly string[] = ['COMMIT', 'BEGIN', 'START TRANSACTION', 'PREPARE TRANSACTION'];

/**
 * How a transaction was ended by a text that nobody could read before it was sent, from the server's word on how it
 * stands now; undefined where it goes on, as it nearly always does.
 */
export function outcomeOfText(
  status: Session['status'],
  { error, lost, result, commands = [result?.command ?? ''] }: Outcome,
  { inDoubt }: StatementText,
): UnitStatus | undefined {
  if (lost) {
    return inDoubt ? 'unknown' : undefined;
  }
  if (status !== 'I') {
    const isForeign = commands.some((command) => FOREIGN.includes(command));
    // the tag of a rollback to a savepoint is the same
    const isChained = inDoubt && commands.includes('ROLLBACK');
    return isForeign || isChained ? 'unknown' : undefined;
  }
  const [ending, ...more] = commands.filter((command) => ENDINGS.includes(command));
  if (error !== undefined || more.length > 0) {
    return 'unknown';
  }
  return ending === 'COMMIT' ? 'committed' : ending === 'ROLLBACK' ? 'rolled-back' : 'unknown';
}
