import { EVERYTHING, type Leftover } from '../pool/leftovers.js';

const LOCAL: readonly (string | undefined)[] = ['local', 'transaction', 'constraints'];
const NOTHING: readonly Leftover[] = [];

/** What a statement leaves by what it is, from the tokens that it begins with. */
function leftByVerb([verb, next, ...more]: readonly string[]): readonly Leftover[] {
  switch (verb) {
    case 'set':
      if (LOCAL.includes(next)) {
        return NOTHING;
      }
      return next === 'seed' || more.includes('seed') ? ['settings', 'seed'] : ['settings'];
    case 'reset':
    case 'load':
      return ['settings'];
    case 'listen':
    case 'unlisten':
      return ['channels'];
    case 'prepare':
    case 'deallocate':
      return ['prepared'];
    case 'declare':
      return ['cursors'];
    case 'do':
    case 'call':
    case 'discard':
      return EVERYTHING;
    default:
      return NOTHING;
  }
}

/** What shows in the midst of a statement. In a literal it is nobody's command, and costs no more than what puts it back. */
const WORDS: readonly (readonly [RegExp, readonly Leftover[]])[] = [
  [/set_config/i, ['settings']],
  [/pg_(?:try_)?advisory_(?!xact_)/i, ['locks']],
  [/pg_temp|(?<![".\w$])temp(?:orary)?(?![".\w$])/i, ['temporary']],
  [/setseed/i, ['seed']],
  // a name that may spell anything
  [/u&"/i, EVERYTHING],
];
const ANY_WORD = new RegExp(WORDS.map(([word]) => word.source).join('|'), 'i');
/** `set_config()` for the transaction only. */
const LOCAL_SETTING = /set_config\(\s*(?:'(?:[^'\\]|'')*'|\$\d+)\s*,\s*(?:'(?:[^'\\]|'')*'|\$\d+)\s*,\s*true\s*\)/gi;

function leftByWords(sql: string): readonly Leftover[] {
  if (!ANY_WORD.test(sql)) {
    return NOTHING;
  }
  const text = sql.replace(LOCAL_SETTING, '');
  return WORDS.flatMap(([word, left]) => (word.test(text) ? left : NOTHING));
}

interface Statement {
  readonly tokens: readonly string[];
  readonly inDoubt: boolean;
}

/**
 * What a text may leave on the session that outlives the transaction, as far as it shows: what a function does that it calls,
 * does not.
 */
export function leftoversOf(sql: string, statements: readonly Statement[]): readonly Leftover[] {
  if (statements.some(({ inDoubt }) => inDoubt)) {
    return EVERYTHING;
  }
  const left = [...statements.flatMap(({ tokens }) => leftByVerb(tokens)), ...leftByWords(sql)];
  return left.length === 0 ? NOTHING : [...new Set(left)];
}
