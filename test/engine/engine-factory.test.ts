import { MikroORM } from '@mikro-orm/core';
import { expect } from 'chai';
import type { EngineOptions } from '../../src/engine/engine-factory.js';
import { ConfigurationError, MikroOrmEngineFactory } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('the engine factory', () => {
  forEachBank((bank) => {
    it('gives the same engine at each call, also at once', async () => {
      const [first, second] = await Promise.all([bank.engineFactory.create(), bank.engineFactory.create()]);
      expect(first).to.be.instanceOf(MikroORM);
      expect(second).to.equal(first);
      expect(await bank.engineFactory.create()).to.equal(first);
    });

    it('opens no connection by itself', async () => {
      await bank.engineFactory.create();
      expect(bank.sql()).to.deep.equal([]);
    });

    it('takes options as well as a promise of them', async () => {
      const options = await bank.options();
      for (const given of [options, Promise.resolve(options)]) {
        await using engineFactory = new MikroOrmEngineFactory(given);
        expect(await engineFactory.create()).to.be.instanceOf(MikroORM);
      }
    });

    it('does not change the options that it is given', async () => {
      const options = Object.freeze({ ...(await bank.options()) });
      await using engineFactory = new MikroOrmEngineFactory(options);
      await engineFactory.create();
      expect(options).not.to.have.property('contextName');
    });

    it('keeps the context name that the options set', async () => {
      await using engineFactory = new MikroOrmEngineFactory(bank.options({ contextName: 'mine' }));
      expect((await engineFactory.create()).em.name).to.equal('mine');
    });
  });

  it('rejects where the promise of options does, each time, and not before create()', async () => {
    const reason = new Error('no configuration');
    const engineFactory = new MikroOrmEngineFactory(Promise.reject(reason));
    expect(await rejection(engineFactory.create())).to.equal(reason);
    expect(await rejection(engineFactory.create())).to.equal(reason);
    await engineFactory.dispose();
  });

  for (const nothing of [undefined, null, 'postgres://localhost']) {
    it(`promise 18: refuses options that are none: ${nothing}`, async () => {
      const engineFactory = new MikroOrmEngineFactory(nothing as unknown as EngineOptions);
      expect(await rejection(engineFactory.create())).to.be.instanceOf(ConfigurationError);
    });
  }

  it('tries again after a start that failed', async () => {
    const engineFactory = new MikroOrmEngineFactory({ entities: [] });
    const first = await rejection(engineFactory.create());
    const second = await rejection(engineFactory.create());
    expect(first).to.be.instanceOf(Error);
    expect(second).not.to.equal(first);
  });
});
