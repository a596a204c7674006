import { type EntityProperty, LoadStrategy, LockMode, Raw, ReferenceKind } from '@mikro-orm/core';
import { fieldNames, isRelation, type Meta, propertyOf } from '../../session/metadata.js';
import { copyInput, isPlain } from './copy-input.js';
import { checkFilter } from './filter.js';
import { checkJsonName } from './json-condition.js';
import type { InputLimits } from './limits.js';
import { isJson } from './operators.js';
import { listed, quoted, quotedName, refuse } from './refuse.js';

/** What the options of one call are checked by. */
export interface OptionRules {
  /** Names the call in messages: `list()`. */
  readonly call: string;
  readonly inTransaction: boolean;
  readonly ignoreUndefined: boolean;
  readonly limits: InputLimits;
}

type Options = Readonly<Record<string, unknown>>;
type Check = (value: unknown, option: string, meta: Meta, rules: OptionRules) => void;

const direction = /^(asc|desc)( nulls (first|last))?$/i;

const paths: Check = (value, option, meta, rules) => {
  if (!Array.isArray(value)) {
    refuse(`"${option}" takes an array of paths, and got ${quoted(value)}.`);
  }
  for (const path of value) {
    checkPath(path, meta, option, rules);
  }
};

const filters: Check = (value, option, meta, { call, ignoreUndefined }) => {
  const several = option === 'unionWhere';
  if (several !== Array.isArray(value)) {
    refuse(`"${option}" takes ${several ? 'an array of filters' : 'a filter'}, and got ${quoted(value)}.`);
  }
  for (const filter of several ? (value as unknown[]) : [value]) {
    checkFilter(filter, meta, { call: `"${option}" of ${call}`, ignoreUndefined });
  }
};

const orders: Check = (value, option, meta) => {
  for (const order of Array.isArray(value) ? value : [value]) {
    checkOrder(order, meta, option);
  }
};

const count: Check = (value, option) => {
  if (!isCount(value)) {
    refuse(`"${option}" is a whole number, 0 or more, and got ${quoted(value)}.`);
  }
};

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value, option) => {
    if (!values.includes(value)) {
      refuse(`"${option}" is one of ${values.map(quoted).join(', ')}, and got ${quoted(value)}.`);
    }
  };

/** Names that MikroORM puts between quotes into a text in which it then fills in a value for every `?`. */
const name: Check = (value, option) => {
  const isName = typeof value === 'string' && value !== '' && value.length <= 128 && !/["?\0]/.test(value);
  // MikroORM looks fields up by what they are called, and finds what every object has
  if (!isName || value in Object.prototype) {
    refuse(`"${option}" takes a name, and got ${quoted(value)}.`);
  }
};

const names: Check = (value, option, meta, rules) => {
  for (const one of Array.isArray(value) ? value : [value]) {
    name(one, option, meta, rules);
  }
};

/** A transaction that is not the session's: what ran in it would be no part of the unit. */
const transaction: Check = (_value, option) =>
  refuse(`"${option}" can't be given: a repository works in the transaction of its session.`);

/** Text that MikroORM puts into a comment. */
const comments: Check = (value, option) => {
  for (const text of Array.isArray(value) ? value : [value]) {
    if (typeof text !== 'string' || text.includes('?') || text.includes('*/') || text.includes('/*')) {
      refuse(`"${option}" takes text without "?" and the marks of a comment, and got ${quoted(text)}.`);
    }
  }
};

/** The options of a read that become a part of the statement, or that a request may have a part in. */
const checks: Readonly<Record<string, Check>> = {
  populate: (value, option, meta, rules) =>
    typeof value === 'boolean' ? undefined : paths(value, option, meta, rules),
  fields: paths,
  exclude: paths,
  orderBy: orders,
  populateOrderBy: orders,
  populateWhere: (value, option, meta, rules) =>
    value === 'all' || value === 'infer' ? undefined : filters(value, option, meta, rules),
  populateFilter: filters,
  unionWhere: filters,
  unionWhereStrategy: oneOf('union-all', 'union'),
  having: filters,
  limit: count,
  offset: count,
  schema: name,
  groupBy: names,
  lockTableAliases: names,
  collation: name,
  ctx: transaction,
  comments,
  hintComments: comments,
  indexHint: (_value, option) => refuse(`"${option}" is for databases that have such hints: PostgreSQL has none.`),
  refresh: oneOf(true, false),
  disableIdentityMap: oneOf(true, false),
  strategy: oneOf(...Object.values(LoadStrategy)),
  flushMode: oneOf('auto', 'commit', 'always'),
  lockMode: (value, option, meta, rules) => {
    oneOf(...Object.values(LockMode).filter((mode) => typeof mode === 'number'))(value, option, meta, rules);
    if (!rules.inTransaction && value !== LockMode.NONE && value !== LockMode.OPTIMISTIC) {
      refuse(
        `${rules.call} was to lock rows outside of a transaction, which would let go of them at once: use a unit of work.`,
      );
    }
  },
};

/** Options whose values the checks look into: they are copied first. */
const copied = new Set([
  'populate',
  'fields',
  'exclude',
  'orderBy',
  'populateOrderBy',
  'populateWhere',
  'populateFilter',
  'unionWhere',
  'having',
  'groupBy',
  'lockTableAliases',
  'comments',
  'hintComments',
]);

/**
 * A copy of the options of a read, checked before anything becomes SQL.
 *
 * @throws ConfigurationError that names the path, the direction or the number that is wrong
 */
export function checkedOptions<Given extends object>(
  options: Given | undefined,
  meta: Meta,
  rules: OptionRules,
): Given {
  if (options === undefined) {
    return {} as Given;
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse(`The options of ${rules.call} must be an object, and are ${quoted(options)}.`);
  }
  const own: Record<string, unknown> = { ...(options as Options) };
  const { call, limits } = rules;
  for (const [option, check] of Object.entries(checks)) {
    if (own[option] === undefined || own[option] === null) {
      continue;
    }
    if (copied.has(option)) {
      own[option] = copyInput(own[option], { call: `"${option}" of ${call}`, limits, dropUndefined: true });
    }
    check(own[option], option, meta, rules);
  }
  return own as Given;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** `author.name`, `author:ref`, `*`... */
function checkPath(path: unknown, meta: Meta, option: string, { limits }: OptionRules): void {
  if (typeof path !== 'string') {
    refuse(`"${option}" takes paths, and got ${quoted(path)}.`);
  }
  if (path === '*' || path === '$infer') {
    return;
  }
  const parts = path.split('.', limits.path + 1);
  if (parts.length > limits.path) {
    refuse(`"${option}" has a path of more than ${limits.path} names ("limits" of the repository), ${quoted(path)}.`);
  }
  let at: Meta | undefined = meta;
  for (const [index, part] of parts.entries()) {
    if (part === '*' && index === parts.length - 1 && at !== undefined) {
      return;
    }
    const name = part.replace(/:ref$/, '');
    const property: EntityProperty | undefined = at && propertyOf(at, name);
    if (at === undefined || property === undefined) {
      const why =
        at === undefined
          ? `${quotedName(parts[index - 1] as string)} has no fields of its own`
          : `${at.className} has no field ${quotedName(name)}. It has ${listed(fieldNames(at))}`;
      refuse(`"${option}" has the path ${quoted(path)}, but ${why}.`);
    }
    if (property.polymorphic) {
      return;
    }
    const inside: boolean = isRelation(property) || property.kind === ReferenceKind.EMBEDDED;
    at = inside ? (property.targetMeta as Meta | undefined) : undefined;
  }
}

function checkOrder(order: unknown, meta: Meta, place: string): void {
  if (!isPlain(order)) {
    refuse(`${quotedName(place)} takes an object of fields and directions, and got ${quoted(order)}.`);
  }
  for (const key of Reflect.ownKeys(order)) {
    const value = (order as Record<PropertyKey, unknown>)[key];
    if (typeof key === 'symbol') {
      if (!Raw.isKnownFragmentSymbol(key)) {
        refuse(`${quotedName(place)} has a symbol, which is no fragment of raw().`);
      }
      checkDirection(value, `${place} raw()`);
      continue;
    }
    const at = `${place}.${key}`;
    const property = propertyOf(meta, key);
    if (property === undefined) {
      refuse(
        `${quotedName(place)} has ${quotedName(key)}, which is no field of ${meta.className}. It has ${listed(fieldNames(meta))}.`,
      );
    }
    if (isPlain(value) && property.targetMeta !== undefined) {
      checkOrder(value, property.targetMeta as Meta, at);
    } else if (isPlain(value) && isJson(property)) {
      checkJsonOrder(value, at);
    } else {
      checkDirection(value, at);
    }
  }
}

/** The names inside of a JSON column that it is ordered by. */
function checkJsonOrder(order: Readonly<Record<string, unknown>>, place: string): void {
  for (const [name, value] of Object.entries(order)) {
    const at = `${place}.${name}`;
    checkJsonName(name, at);
    if (isPlain(value)) {
      checkJsonOrder(value, at);
    } else {
      checkDirection(value, at);
    }
  }
}

/** A direction goes into the SQL as it is: what comes from a request must not get there unread. */
function checkDirection(value: unknown, place: string): void {
  if (value !== undefined && value !== 1 && value !== -1 && !(typeof value === 'string' && direction.test(value))) {
    refuse(
      `${quotedName(place)} is "asc" or "desc", with "nulls first" or "nulls last" if need be, and got ${quoted(value)}.`,
    );
  }
}
