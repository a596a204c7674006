import { defineEntity, p, type ScalarReference } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachPlace, modes } from '../support/kinds/place.js';
import { rejection } from '../support/rejection.js';

const EssaySchema = defineEntity({
  name: 'Essay',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    body: p.text().lazy().nullable(),
    notes: p.text().lazy().ref().nullable(),
    motto: p.text().ref().nullable(),
  },
});
class Essay extends EssaySchema.class {}
EssaySchema.setClass(Essay);

class Essays extends MikroOrmRepository<Essay> {
  protected readonly entity = Essay;
}
class EssayUnitOfWork extends MikroOrmUnitOfWork.of({ essays: Essays }) {}

const reason = new Error('the inner unit fails');

describe('lazy properties and scalar references', () => {
  forEachPlace([Essay], (place) => {
    beforeEach(() => place.rows(`insert into essay (id, title, body, notes, motto) values (1, 't', 'b', 'n', 'm')`));

    const stored = async () =>
      Object.values((await place.rows('select title, body, notes, motto from essay'))[0] ?? {});

    for (const options of [{}, { fields: ['title'] }, { populate: ['body', 'notes'] }]) {
      for (const flushes of [true, false]) {
        const when = `read with ${JSON.stringify(options)}, ${flushes ? 'flushed' : 'not flushed'}`;
        it(`promise 10: a failed inner unit that sets what was not loaded leaves nothing to be stored: ${when}`, async () => {
          await new EssayUnitOfWork(place.engineFactory).run(async (u) => {
            const essay = (await u.essays.retrieveOrFail(1, options as never)) as Essay;
            const failed = u.run(async (inner) => {
              essay.body = 'B';
              await inner.essays.update(1, { notes: 'N', motto: 'M' });
              if (flushes) {
                await inner.flush();
              }
              throw reason;
            });
            expect(await rejection(failed)).to.equal(reason);
            essay.title = 'T';
          });
          expect(await stored()).to.deep.equal(['T', 'b', 'n', 'm']);
        });
      }
    }

    for (const mode of modes) {
      for (const loaded of [true, false]) {
        it(`promise 25: ${mode}: update sends scalar references, ${loaded ? 'loaded' : 'not loaded'}, null included`, async () => {
          await place.run(mode, Essay, async (essays) => {
            const options = loaded ? { populate: ['notes'] } : {};
            await essays.retrieveOrFail(1, options as never);
            const essay = await essays.update(1, { notes: 'N', motto: null });
            expect((essay.notes as ScalarReference<string>).unwrap()).to.equal('N');
            expect((essay.motto as ScalarReference<string>).unwrap()).to.equal(null);
          });
          expect(await stored()).to.deep.equal(['t', 'b', 'N', null]);
        });
      }
    }
  });
});
