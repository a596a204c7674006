import { type EntityManager, type EntityMetadata, Reference, ReferenceKind, Utils, wrap } from '@mikro-orm/core';
import { expect } from 'chai';

type Values = Record<string, unknown>;

const keyOf = (entity: unknown): string => wrap(entity as object, true).getSerializedPrimaryKey();

/**
 * Expects that every entity which the session holds is what the database holds, as a session without entities reads it in
 * the same transaction: columns, relations, both sides of one to one, and the collections that are loaded.
 */
export async function expectTruth(session: EntityManager, message = ''): Promise<void> {
  const fresh = session.fork({ keepTransactionContext: true, disableContextResolution: true });
  for (const entity of new Set<object>(session.getUnitOfWork().getIdentityMap())) {
    const wrapped = wrap(entity, true);
    const meta = wrapped.__meta as unknown as EntityMetadata;
    const what = `${message}: ${meta.className} ${keyOf(entity)}`;
    if (!wrapped.isInitialized()) {
      continue;
    }
    const collections = meta.relations
      .filter(({ name }) => {
        const value = (entity as Values)[name];
        return Utils.isCollection(value) && value.isInitialized();
      })
      .map(({ name }) => name);
    const lazy = meta.props.filter(({ lazy, name }) => lazy && wrapped.__loadedProperties.has(name as never));
    const row = (await fresh.findOne(meta.class, wrapped.getPrimaryKey() as never, {
      filters: false,
      populate: [...collections, ...lazy.map(({ name }) => name)] as never,
    })) as Values | null;
    expect(row, `${what} has a row`).not.to.equal(null);
    const comparator = session.getComparator();
    const present = comparator.prepareEntity(entity) as Values;
    const stored = comparator.prepareEntity(row as object) as Values;
    expect(present, what).to.deep.equal(
      Utils.copy(Object.fromEntries(Object.entries(stored).filter(([name]) => name in present))),
    );
    expect(
      comparator.diffEntities(meta.class, wrapped.__originalEntityData as never, present as never),
      what,
    ).to.deep.equal({});
    for (const name of collections) {
      const ids = (owner: Values) =>
        (owner[name] as Iterable<object> as never as { getItems(): object[] }).getItems().map(keyOf).sort();
      expect(ids(entity as Values), `${what}.${name}`).to.deep.equal(ids(row as Values));
    }
    for (const { name, kind, owner } of meta.relations) {
      if (kind === ReferenceKind.ONE_TO_ONE && !owner && (entity as Values)[name] !== undefined) {
        const other = (each: Values) => {
          const value = Reference.unwrapReference(each[name] as object);
          return value ? keyOf(value) : value;
        };
        expect(other(entity as Values) ?? null, `${what}.${name}`).to.equal(other(row as Values) ?? null);
      }
    }
  }
}
