import {
  type EntityData,
  type EntityManager,
  type EntityMetadata,
  type EntityProperty,
  type Primary,
  QueryHelper,
  ReferenceKind,
} from '@mikro-orm/core';
import { adoptData } from '../../session/foreign-entities.js';
import { type Scope, untyped } from '../scope.js';
import { inColumns } from './in-columns.js';

type Values = Record<string, unknown>;

/** Sends one INSERT. Resolves to the keys of its rows. */
export async function insertRows<Entity extends object>(
  { entity, meta, session }: Scope<Entity>,
  data: readonly EntityData<Entity>[],
): Promise<Primary<Entity>[]> {
  const related = meta.relations.length > 0;
  const embedded = meta.props.some(({ kind }) => kind === ReferenceKind.EMBEDDED);
  const rows = data.map((each) => {
    const adopted = (related ? adoptData(session, meta, each) : each) as Values;
    const flat = embedded ? inColumns(untyped({ meta }), adopted) : adopted;
    return QueryHelper.processObjectParams(withDiscriminator(meta, flat)) as Values;
  });
  // MikroORM's own insertMany gives the first key only
  const { rows: stored = [] } = (await session.withSessionContext(session.getTransactionContext(), (ctx) =>
    session.getDriver().nativeInsertMany(entity, rows as never, { ctx, schema: session.schema } as never),
  )) as { rows?: Values[] };
  const parts = untyped({ meta }).getPrimaryProps();
  return rows.map((row, index) => {
    const key = parts.map((part) => row[part.name] ?? storedPart(part, stored[index] ?? {}, session));
    return key.length === 1 ? key[0] : key;
  }) as Primary<Entity>[];
}

/** A part of a key that the database has made. */
function storedPart({ fieldNames, customType }: EntityProperty, row: Values, session: EntityManager): unknown {
  const value = row[fieldNames[0] as string];
  return customType === undefined ? value : customType.convertToJSValue(value, session.getPlatform());
}

/** With single-table inheritance, the column that says which class a row is of: only a flush sets it by itself. */
export function withDiscriminator<Entity extends object>(
  { root, discriminatorValue }: EntityMetadata<Entity>,
  values: Values,
): Values {
  return root.inheritanceType === 'sti' && discriminatorValue !== undefined
    ? { ...values, [root.discriminatorColumn as string]: discriminatorValue }
    : values;
}
