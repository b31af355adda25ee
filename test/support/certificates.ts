import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its key as servers take them. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate of this authority for a name or an address. */
  readonly issue: (of: { readonly dnsName: string; readonly notAfter?: Date }) => Certificate;
}

const DAY_MS = 86_400_000;

/** A certificate authority of a test's own, which nobody trusts unless told to. */
export function newAuthority(): Authority {
  const name = `Test authority ${randomBytes(4).toString("hex")}`;
  const { privateKey, publicKey } = newKeys();
  const make = (of: {
    subject: string;
    publicKey: KeyObject;
    notAfter?: Date;
    extensions: Buffer[];
  }): string => pem(certificate({ ...of, issuer: name, signedBy: privateKey }));
  const isAuthority = extension("551d13", sequence(tlv(0x01, Buffer.from([0xff]))));
  return {
    cert: make({ subject: name, publicKey, extensions: [isAuthority] }),
    key: pemKey(privateKey),
    issue: ({ dnsName, notAfter }) => {
      const own = newKeys();
      const alternativeName = extension("551d11", sequence(tlv(0x82, Buffer.from(dnsName))));
      return {
        cert: make({
          subject: dnsName,
          publicKey: own.publicKey,
          extensions: [alternativeName],
          ...(notAfter !== undefined && { notAfter }),
        }),
        key: pemKey(own.privateKey),
      };
    },
  };
}

function newKeys(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pemKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** X.509, as little of it as a TLS client asks for (RFC 5280). */
function certificate(of: {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signedBy: KeyObject;
  notAfter?: Date;
  extensions: Buffer[];
}): Buffer {
  const notAfter = of.notAfter ?? new Date(Date.now() + DAY_MS);
  const algorithm = sequence(tlv(0x06, Buffer.from("2a8648ce3d040302", "hex")));
  const content = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    nameOf(of.issuer),
    sequence(time(new Date(notAfter.getTime() - 2 * DAY_MS)), time(notAfter)),
    nameOf(of.subject),
    of.publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...of.extensions)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", content, of.signedBy)]);
  return sequence(content, algorithm, tlv(0x03, signature));
}

function nameOf(text: string): Buffer {
  const commonName = tlv(0x06, Buffer.from("550403", "hex"));
  return sequence(tlv(0x31, sequence(commonName, tlv(0x0c, Buffer.from(text)))));
}

function extension(oid: string, value: Buffer): Buffer {
  return sequence(tlv(0x06, Buffer.from(oid, "hex")), tlv(0x04, value));
}

/** GeneralizedTime: YYYYMMDDHHMMSSZ. */
function time(at: Date): Buffer {
  return tlv(0x18, Buffer.from(`${at.toISOString().replace(/[-:T]|\..*/g, "")}Z`));
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

/** DER: tag, length, value. */
function tlv(tag: number, value: Buffer): Buffer {
  const size = value.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
