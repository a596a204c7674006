import { type EntityManager, type EntityMetadata, Reference, ReferenceKind, Utils, wrap } from '@mikro-orm/core';
import { expect } from 'chai';

type Values = Record<string, unknown>;

const keyOf = (entity: unknown): string => wrap(entity as object, true).getSerializedPrimaryKey();

/** An entity that the session holds, and what is loaded of it. */
interface Held {
  readonly entity: Values;
  readonly meta: EntityMetadata;
  readonly collections: readonly string[];
  readonly populate: readonly string[];
}

/**
 * Expects that every entity which the session holds is what the database holds, as a session without entities reads it in
 * the same transaction: columns, relations, both sides of one to one, and the collections that are loaded.
 */
export async function expectTruth(session: EntityManager, message = ''): Promise<void> {
  const fresh = session.fork({ keepTransactionContext: true, disableContextResolution: true });
  const held = [...new Set<object>(session.getUnitOfWork().getIdentityMap())]
    .filter((entity) => wrap(entity, true).isInitialized())
    .map(describeHeld);
  // the rows of a class, in one statement for all of its entities of which the same is loaded
  const groups = new Map<string, Held[]>();
  for (const each of held) {
    const name = [each.meta.className, ...each.populate].join();
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  for (const alike of groups.values()) {
    const [{ meta, populate }] = alike as [Held];
    const rows = (await fresh.find(meta.class, {}, { filters: false, populate: populate as never })) as Values[];
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    for (const each of alike) {
      const what = `${message}: ${meta.className} ${keyOf(each.entity)}`;
      const row = byKey.get(keyOf(each.entity));
      expect(row, `${what} has a row`).not.to.equal(undefined);
      expectSame(session, each, row as Values, what);
    }
  }
}

function describeHeld(entity: object): Held {
  const wrapped = wrap(entity, true);
  const meta = wrapped.__meta as unknown as EntityMetadata;
  const collections = meta.relations
    .map(({ name }) => name as string)
    .filter((name) => {
      const value = (entity as Values)[name];
      return Utils.isCollection(value) && value.isInitialized();
    });
  const lazy = meta.props.filter(({ lazy, name }) => lazy && wrapped.__loadedProperties.has(name as never));
  const populate = [...collections, ...lazy.map(({ name }) => name as string)];
  return { entity: entity as Values, meta, collections, populate };
}

function expectSame(session: EntityManager, { entity, meta, collections }: Held, row: Values, what: string) {
  const comparator = session.getComparator();
  const present = comparator.prepareEntity(entity) as Values;
  const stored = comparator.prepareEntity(row) as Values;
  expect(present, what).to.deep.equal(
    Utils.copy(Object.fromEntries(Object.entries(stored).filter(([name]) => name in present))),
  );
  expect(
    comparator.diffEntities(meta.class, wrap(entity, true).__originalEntityData as never, present as never),
    what,
  ).to.deep.equal({});
  for (const name of collections) {
    const ids = (owner: Values) => (owner[name] as { getItems(): object[] }).getItems().map(keyOf).sort();
    expect(ids(entity), `${what}.${name}`).to.deep.equal(ids(row));
  }
  for (const { name, kind, owner } of meta.relations) {
    if (kind === ReferenceKind.ONE_TO_ONE && !owner && entity[name] !== undefined) {
      const other = (each: Values) => {
        const value = Reference.unwrapReference(each[name] as object);
        return value ? keyOf(value) : value;
      };
      expect(other(entity) ?? null, `${what}.${name}`).to.equal(other(row) ?? null);
    }
  }
}
