import Checksums
import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct SHA256Tests {
    /// Messages and digests of NIST's examples for FIPS 180-4, and of its monograph on long messages.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnh"
                + "ijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func examples(message: String, digest: String) {
        #expect(SHA256.hexDigest(of: Array(message.utf8)) == digest)
    }

    @Test func aThousandThousandLetters() {
        let digest = SHA256.hexDigest(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        #expect(digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    /// Lengths around the ends of blocks, where padding needs one block more, in pieces that do not fit the blocks.
    @Test(arguments: [1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000])
    func piecesMakeNoDifference(length: Int) {
        let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hash = SHA256()
        for start in stride(from: 0, to: length, by: 37) {
            hash.update(Array(message[start..<min(start + 37, length)]))
        }
        #expect(hash.hexDigest() == SHA256.hexDigest(of: message))
    }

    /// Digests of [0, 1, 2, …] from another implementation (Python's hashlib).
    @Test(arguments: [
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"),
        (56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"),
        (63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"),
        (64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"),
        (119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"),
        (120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"),
        (200, "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"),
    ])
    func paddingOfEveryKind(length: Int, digest: String) {
        #expect(SHA256.hexDigest(of: (0..<length).map { UInt8($0) }) == digest)
    }

    @Test func checksumIsThatOfTheWholeFile() throws {
        let folder = TemporaryFolder()
        let content = idxBytes(shape: [2, 300], elements: (0..<600).map { UInt8($0 % 251) })
        let file = try IDXFile(path: folder.write(content, to: "file"), axes: 2, meaning: "tables")
        #expect(file.checksum == SHA256.hexDigest(of: content))
    }
}
