import Foundation
import TestSupport
import Testing

#if os(Linux)
    @Suite struct TerminalTests {
        let folder = TemporaryFolder()

        init() throws { try folder.writeImages(training: 20, test: 10) }

        /// A terminal as a program sees it, and the other end, at which a person would sit.
        private struct PseudoTerminal {
            let screen: FileHandle
            let terminal: FileHandle

            init(width: UInt16) throws {
                // What grantpt, unlockpt and ptsname do, which Swift does not see: TIOCSPTLCK, TIOCGPTN.
                let main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
                var isLocked: Int32 = 0
                var number: Int32 = 0
                guard main >= 0, ioctl(main, 0x4004_5431, &isLocked) == 0, ioctl(main, 0x8004_5430, &number) == 0 else {
                    throw POSIXError(.ENOTTY)
                }
                let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
                var size = winsize(ws_row: 24, ws_col: width, ws_xpixel: 0, ws_ypixel: 0)
                guard other >= 0, ioctl(other, UInt(TIOCSWINSZ), &size) == 0 else { throw POSIXError(.ENOTTY) }
                screen = FileHandle(fileDescriptor: main, closeOnDealloc: true)
                terminal = FileHandle(fileDescriptor: other, closeOnDealloc: true)
            }

            /// What was written, once nobody writes any more; a few lines fit into the system's buffer.
            func text() throws -> String {
                try terminal.close()
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                var text: [UInt8] = []
                while case let count = read(screen.fileDescriptor, &bytes, bytes.count), count > 0 {
                    text += bytes[0..<count]
                }
                // A terminal ends lines in its own way.
                return String(decoding: text, as: UTF8.self).replacing("\r\n", with: "\n")
            }
        }

        private func show(width: UInt16, _ environment: [String: String]) throws -> String {
            let terminal = try PseudoTerminal(width: width)
            let result = try Tool.run(
                [
                    "train", "--data", ".", "--optimizer", "sgd", "--epochs", "1", "--batch-size", "10", "--output",
                    UUID().uuidString,
                ], in: folder, environment: environment, terminal: terminal.terminal)
            #expect(result.status == 0, "\(result.errors)")
            return try terminal.text()
        }

        @Test func aTerminalShowsABarInItsWidth() throws {
            let text = try show(width: 90, ["TERM": "xterm", "NO_COLOR": ""])
            #expect(text.contains("\repoch 1/1 [\u{1B}[32m===="))
            #expect(text.contains("] 2/2  "))
            #expect(text.contains("\u{1B}[32mcompleted\u{1B}[0m: 1 epoch, 2 steps in "))
            let narrow = try show(width: 30, ["TERM": "xterm", "NO_COLOR": ""])
            #expect(narrow.contains("\repoch 1/1  2/2"))
            #expect(!narrow.contains("[\u{1B}[32m="))
        }

        @Test func coloursCanBeRefused() throws {
            let text = try show(width: 90, ["TERM": "xterm", "NO_COLOR": "1"])
            #expect(text.contains("\repoch 1/1 [===="))
            #expect(!text.contains("\u{1B}[3"))
            #expect(
                text.contains("\ncompleted: 1 epoch, 2 steps in ") || text.contains("Kcompleted: 1 epoch, 2 steps in "))
        }

        @Test func aTerminalThatCannotRedrawGetsLines() throws {
            let text = try show(width: 90, ["TERM": "dumb"])
            #expect(!text.contains("\u{1B}"))
            #expect(text.contains("\nepoch 1/1, step 1/2: loss "))
        }
    }
#endif
