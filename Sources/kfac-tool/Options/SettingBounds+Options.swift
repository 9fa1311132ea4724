import ArgumentParser
import KFAC
import Training

extension SettingBounds {
    /// Reads an option's number, and refuses what is none or out of bounds.
    @Sendable func number(_ text: String) throws -> Double {
        guard let number = Double(text), contains(number) else { throw ValidationError("it must be \(self).") }
        return number
    }

    /// Reads an option's whole number, and refuses what is none or out of bounds.
    @Sendable func count(_ text: String) throws -> Int {
        guard let number = Int(text), contains(number) else { throw ValidationError("it must be \(self).") }
        return number
    }

    /// Reads a seed: any of 64 bits.
    @Sendable static func seed(_ text: String) throws -> UInt64 {
        guard let seed = UInt64(text) else {
            throw ValidationError("it must be a whole number from 0 to \(UInt64.max).")
        }
        return seed
    }
}
