import { type EntityManager, isRaw } from '@mikro-orm/core';
import { fieldNames, type Meta, propertyOf } from '../../session/metadata.js';
import { copyInput, isPlain } from './copy-input.js';
import { checkFilter } from './filter.js';
import type { InputLimits } from './limits.js';
import { listed, quoted, quotedName, refuse } from './refuse.js';

const lists = ['onConflictFields', 'onConflictMergeFields', 'onConflictExcludeFields'] as const;

/**
 * A copy of MikroORM's options for an upsert, checked.
 *
 * @throws ConfigurationError that names the option
 */
export function checkUpsertOptions<Options extends object>(
  call: string,
  options: Options | undefined,
  { meta, session, limits }: { readonly meta: object; readonly session: EntityManager; readonly limits: InputLimits },
): Options {
  if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) {
    refuse(`The options of ${call} must be an object, and are ${quoted(options)}.`);
  }
  const own: Record<string, unknown> = { ...options };
  const ignoreUndefined = session.config.get('ignoreUndefinedInQuery') === true;
  for (const name of lists) {
    if (own[name] !== undefined && !isRaw(own[name])) {
      own[name] = checkedFields(copyInput(own[name], { call, limits, dropUndefined: true }), name, meta as Meta);
    }
  }
  const { onConflictAction, onConflictWhere, batchSize, schema, ctx } = own;
  if (ctx !== undefined) {
    refuse(`"ctx" can't be given: a repository works in the transaction of its session.`);
  }
  if (onConflictAction !== undefined && onConflictAction !== 'ignore' && onConflictAction !== 'merge') {
    refuse(`"onConflictAction" is "ignore" or "merge", and got ${quoted(onConflictAction)}.`);
  }
  if (onConflictWhere !== undefined) {
    own.onConflictWhere = copyInput(onConflictWhere, { call, limits, dropUndefined: ignoreUndefined });
    if (isPlain(own.onConflictWhere) && Reflect.ownKeys(own.onConflictWhere).length === 0) {
      refuse('"onConflictWhere" asks for nothing: leave it out, or give it a condition.');
    }
    checkFilter(own.onConflictWhere, meta as Meta, { call: `"onConflictWhere" of ${call}`, ignoreUndefined });
  }
  if (batchSize !== undefined && !(Number.isSafeInteger(batchSize) && (batchSize as number) >= 1)) {
    refuse(`"batchSize" is a whole number, 1 or more, and got ${quoted(batchSize)}.`);
  }
  if (schema !== undefined && (typeof schema !== 'string' || /["?\0]/.test(schema))) {
    refuse(`"schema" takes a name, and got ${quoted(schema)}.`);
  }
  return own as Options;
}

/** Fields, or with a dot those of an embedded object. */
function checkedFields(fields: unknown, option: string, meta: Meta): unknown {
  if (!Array.isArray(fields)) {
    refuse(`"${option}" takes an array of fields, and got ${quoted(fields)}.`);
  }
  for (const field of fields) {
    const [name = ''] = typeof field === 'string' ? field.split('.', 1) : [];
    if (!isRaw(field) && field !== '*' && propertyOf(meta, name) === undefined) {
      refuse(
        `"${option}" has ${typeof field === 'string' ? quotedName(field) : quoted(field)}, which is no field of ${meta.className}. It has ${listed(fieldNames(meta))}.`,
      );
    }
  }
  return fields;
}
