import FingerprintJS from "@fingerprintjs/fingerprintjs";

// Without `monitoring: false`, it may report the installation to its vendor.
const agent = FingerprintJS.load({ monitoring: false });

/** An id of this device, the same on every visit. Farebox stores only a keyed digest of it. */
export async function fingerprint(): Promise<string> {
  const { visitorId } = await (await agent).get();
  return visitorId;
}
