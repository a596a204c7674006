import { expect } from 'chai';
import type { MikroOrmRepository } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { expectRefusal } from './expect-refusal.js';
import { hostileKeys, rightKeys, wrongKeys } from './hostile-keys.js';
import { forEachShop, type ShopRepositories } from './shop-database.js';

type AnyRepository = MikroOrmRepository<{ note?: string | null; balance?: number }>;

/** Every method that takes a key. */
const calls: Readonly<Record<string, (repository: AnyRepository, key: unknown) => Promise<unknown>>> = {
  retrieveByKey: (repository, key) => repository.retrieveByKey(key as never),
  update: (repository, key) => repository.update(key as never, {}),
  'update with data': (repository, key) => repository.update(key as never, { note: 'hacked' }),
  delete: (repository, key) => repository.delete(key as never),
};

const names = Object.keys(rightKeys) as (keyof ShopRepositories)[];

describe('keys from requests', function () {
  this.timeout(120_000);

  forEachShop((shop) => {
    for (const where of ['in a unit', 'standalone'] as const) {
      for (const [call, run] of Object.entries(calls)) {
        it(`promise 31: ${where}: ${call} takes nothing but one key of the key's own kind`, async () => {
          const before = await shop.everything();
          shop.forget();
          await shop.use(where, async (repositories) => {
            for (const name of names) {
              const others = Object.entries(wrongKeys[name] ?? []);
              for (const [what, key] of [...Object.entries(hostileKeys), ...others]) {
                if (name === 'seats' && what === 'a list of keys') {
                  continue; // which is one key there: two numbers
                }
                const repository = repositories[name] as unknown as AnyRepository;
                const data = call === 'update with data' && name === 'members' ? calls.update : run;
                expectRefusal(await rejection((data as typeof run)(repository, key)), `${name}: ${what}`);
              }
            }
          });
          expect(shop.sql().filter((text) => !/^(begin|rollback|discard)/i.test(text))).to.deep.equal([]);
          expect(await shop.everything()).to.equal(before);
        });
      }

      it(`promise 31: ${where}: a key of each kind finds its row, and no other`, async () => {
        await shop.use(where, async (repositories) => {
          for (const name of names) {
            for (const key of rightKeys[name] ?? []) {
              const repository = repositories[name] as unknown as AnyRepository;
              const found = await repository.retrieveByKey(key as never);
              expect(found, `${name}: ${String(key)}`).not.to.equal(null);
              const unchanged = await repository.update(key as never, {});
              expect(unchanged.note).to.equal(found?.note);
              expect((await repository.retrieveByKey(found as never))?.note).to.equal(found?.note);
            }
          }
        });
      });
    }

    it('promise 31: a key changes and deletes its own row alone', async () => {
      for (const name of names.filter((each) => each !== 'members')) {
        await shop.reset();
        const key = rightKeys[name]?.[0];
        const table = { seats: 'seat' }[name as string] ?? `by_${name.slice(0, -1)}`;
        await shop.use('standalone', (repositories) =>
          (repositories[name] as unknown as AnyRepository).update(key as never, { note: 'c' }),
        );
        expect(await shop.rows(`select note from ${table} where note = 'c'`), name).to.have.length(1);
        await shop.use('standalone', (repositories) =>
          (repositories[name] as unknown as AnyRepository).delete(key as never),
        );
        expect(await shop.rows(`select note from ${table} where note <> 'c'`), name).to.have.length(1);
        expect(await shop.rows(`select note from ${table}`), name).to.have.length(1);
      }
    });
  });
});
