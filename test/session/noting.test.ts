import { EntityFactory, EntityLoader, EntityManager, IdentityMap, UnitOfWork } from '@mikro-orm/core';
import { expect } from 'chai';

/**
 * What the library overrides in a unit's session. Where a version of MikroORM has one of these no more, or calls it by
 * another name, what inner units do is not noted: then this says so, and the tests of inner units say what follows.
 */
const overridden: readonly (readonly [{ readonly name: string; readonly prototype: object }, readonly string[]])[] = [
  [IdentityMap, ['store', 'storeByKey', 'delete', 'clear', 'getByEntity', 'getByHash', 'getKeyHash', 'getStore']],
  [EntityFactory, ['create', 'findEntity', 'hydrate']],
  [EntityLoader, ['populateMany']],
  [
    UnitOfWork,
    [
      ...['persist', 'remove', 'scheduleOrphanRemoval', 'filterCollectionUpdates', 'postCommitCleanup'],
      ...['computeChangeSets', 'commitCollectionUpdates', 'takeCollectionSnapshots'],
      ...['unsetIdentity', 'register', 'merge', 'getChangeSets', 'getExtraUpdates', 'getCollectionUpdates'],
    ],
  ],
  [EntityManager, ['getContext', 'flush', 'tryFlush', 'transactional', 'tryCache', 'storeCache']],
];

describe('what the session room stands on in MikroORM', () => {
  for (const [{ name, prototype }, methods] of overridden) {
    it(`${name} has the methods that are overridden or called`, () => {
      for (const method of methods) {
        expect((prototype as Record<string, unknown>)[method], method).to.be.a('function');
      }
    });
  }
});
