import { expect } from 'chai';
import { ConfigurationError, UnitOfWorkError } from '../src/index.js';

describe('the code of an error', () => {
  const caused = (...causes: readonly unknown[]): Error =>
    causes.reduceRight<Error>(
      (cause, one) => Object.assign(new Error('caused', { cause }), one),
      new Error('the first'),
    );

  it('is the SQLSTATE of the nearest cause that has one', () => {
    expect(new UnitOfWorkError('a', { cause: caused({ code: '40001' }, { code: '23505' }) }).code).to.equal('40001');
    expect(new UnitOfWorkError('a', { cause: caused({}, {}, { code: '23505' }) }).code).to.equal('23505');
    const deep = new ConfigurationError('b', { cause: new UnitOfWorkError('a', { cause: caused({ code: '57P01' }) }) });
    expect(deep.code).to.equal('57P01');
  });

  it('is nothing else: no code of Node’s, no number', () => {
    for (const code of ['ECONNRESET', 40_001, '4000', '400011', '4000a', null, undefined]) {
      expect(new UnitOfWorkError('a', { cause: caused({ code }) }).code, String(code)).to.equal(undefined);
    }
    expect(new UnitOfWorkError('a').code).to.equal(undefined);
    expect(new UnitOfWorkError('a', { cause: null }).code).to.equal(undefined);
  });

  it('is found at once where causes go in a circle', () => {
    const error = new Error('its own cause');
    error.cause = error;
    expect(new UnitOfWorkError('a', { cause: error }).code).to.equal(undefined);
  });
});
