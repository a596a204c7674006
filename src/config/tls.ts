import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import { ConfigurationError } from '../errors.js';

/** What a DSN says about TLS, by libpq's names. */
export interface TlsParameters {
  readonly sslmode?: string | undefined;
  readonly sslrootcert?: string | undefined;
  readonly sslcert?: string | undefined;
  readonly sslkey?: string | undefined;
  readonly sslpassword?: string | undefined;
  readonly sslcrl?: string | undefined;
}

const MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
export type TlsMode = (typeof MODES)[number];

/** Which mode the parameters ask for, if they say anything about TLS. */
export function tlsMode({ sslmode, sslrootcert, sslcert, sslkey }: TlsParameters): TlsMode | undefined {
  if (sslmode === 'allow') {
    throw new ConfigurationError(
      "The DSN's sslmode=allow encrypts only where the server insists on it. Say prefer, require or verify-full.",
    );
  }
  const mode = MODES.find((one) => one === sslmode);
  if (sslmode !== undefined && mode === undefined) {
    throw new ConfigurationError(`The DSN's sslmode must be one of ${MODES.join(', ')}.`);
  }
  const system = sslrootcert === 'system';
  if (system && mode !== undefined && mode !== 'verify-full') {
    throw new ConfigurationError("The DSN's sslrootcert=system goes with sslmode=verify-full only.");
  }
  if (mode === undefined && !system && (sslrootcert ?? sslcert ?? sslkey) !== undefined) {
    throw new ConfigurationError(
      'The DSN names certificates and no sslmode, with which they would be of no use where the server does not encrypt. Say sslmode=verify-full.',
    );
  }
  if (mode === 'verify-ca' && sslrootcert === undefined) {
    throw new ConfigurationError(
      "The DSN's sslmode=verify-ca needs sslrootcert: anybody can have a certificate of a public authority. Without one, say verify-full.",
    );
  }
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    throw new ConfigurationError("The DSN's sslcert and sslkey go together, and one of them is missing.");
  }
  return mode ?? (system ? 'verify-full' : undefined);
}

/**
 * The ways to try with a server, best first, as libpq does; `false` is one without encryption. Nothing where the parameters say
 * nothing. Reads the files that they name.
 */
export function tlsOptions(
  parameters: TlsParameters,
  host: string,
): readonly (ConnectionOptions | false)[] | undefined {
  const mode = tlsMode(parameters);
  if (mode === undefined) {
    return undefined;
  }
  if (mode === 'disable' || host.startsWith('/')) {
    return [false]; // libpq does not encrypt what stays on this machine
  }
  const { sslrootcert, sslcert, sslkey, sslpassword, sslcrl } = parameters;
  const root = sslrootcert === 'system' ? undefined : sslrootcert;
  const options: ConnectionOptions = {
    ...(root === undefined ? {} : { ca: read('sslrootcert', root) }),
    ...(sslcert === undefined ? {} : { cert: read('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: read('sslkey', sslkey) }),
    ...(sslpassword === undefined ? {} : { passphrase: sslpassword }),
    ...(sslcrl === undefined ? {} : { crl: read('sslcrl', sslcrl) }),
  };
  switch (mode) {
    case 'prefer':
      return [{ ...options, rejectUnauthorized: false }, false];
    case 'no-verify':
      return [{ ...options, rejectUnauthorized: false }];
    case 'require':
      return [root === undefined ? { ...options, rejectUnauthorized: false } : { ...options, ...ofAnyName }];
    case 'verify-ca':
      return [{ ...options, ...ofAnyName }];
    case 'verify-full':
      // Node would compare the name "localhost" where the host is an address
      return [
        {
          ...options,
          checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate),
        },
      ];
  }
}

/** The certificate has to be of the authority that is named, and may be anybody's. */
const ofAnyName: ConnectionOptions = { checkServerIdentity: () => undefined };

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`The DSN's ${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
