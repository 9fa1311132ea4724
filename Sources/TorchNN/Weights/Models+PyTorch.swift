/// As in torchvision: `conv1`, `bn1`, `layer1.0.conv1`, `layer2.0.downsample.0`, `fc`.
extension ResNet: PyTorchNamed {
    public func pyTorchName(of name: String) -> String {
        let parts = name.split(separator: ".").map(String.init)
        let inBlock = [
            "convolution1": "conv1", "normalization1": "bn1", "convolution2": "conv2", "normalization2": "bn2",
            "shortcut": "downsample",
        ]
        let outside = ["convolution": "conv1", "normalization": "bn1", "classifier": "fc"]
        switch parts[0] {
        case "stages":
            // stages.0.1.convolution1.weight
            let rest = parts.dropFirst(4)
            return (["layer\(Int(parts[1])! + 1)", parts[2], inBlock[parts[3]] ?? parts[3]] + rest)
                .joined(separator: ".")
        default: return ([outside[parts[0]] ?? parts[0]] + parts.dropFirst()).joined(separator: ".")
        }
    }

    /// Programs for CIFAR-10 call the classifier `linear`.
    public var pyTorchAliases: [String: String] { ["linear.": "fc."] }
}

/// As in torchvision, with a single linear layer: `features.0`, `features.2`, `features.5`, …, `classifier`.
extension VGGSmall: PyTorchNamed {
    public func pyTorchName(of name: String) -> String {
        // Each convolution is followed by an activation, each second one by a pooling, too.
        numbered(name, list: "convolutions", as: "features") { 2 * $0 + $0 / 2 }
    }
}

/// `features.0`, `features.3`, `features.6` and `classifier`: a sequence of convolution, activation and pooling.
extension ConvNet: PyTorchNamed {
    public func pyTorchName(of name: String) -> String {
        numbered(name, list: "convolutions", as: "features") { 3 * $0 }
    }
}

/// A sequence of linear layers and activations: `0`, `2`, `4`, …
extension MultilayerPerceptron: PyTorchNamed {
    public func pyTorchName(of name: String) -> String { numbered(name, list: "layers", as: nil) { 2 * $0 } }
}

/// Two sequences: `encoder.0`, `encoder.2`, …, `decoder.0`, …
extension Autoencoder: PyTorchNamed {
    public func pyTorchName(of name: String) -> String {
        let (part, rest) = (name.prefix { $0 != "." }, name.drop { $0 != "." }.dropFirst())
        return "\(part).\(encoder.pyTorchName(of: String(rest)))"
    }
}

/// As in PyTorch's tutorials: `conv1`, `conv2`, `fc1`, `fc2`, `fc3`.
extension LeNet5: PyTorchNamed {
    public func pyTorchName(of name: String) -> String {
        let names = [
            "convolution1": "conv1", "convolution2": "conv2", "linear1": "fc1", "linear2": "fc2", "classifier": "fc3",
        ]
        let parts = name.split(separator: ".").map(String.init)
        return ([names[parts[0]] ?? parts[0]] + parts.dropFirst()).joined(separator: ".")
    }
}

/// "list.N.rest" with another number, as "other.M.rest"; other names stay.
private func numbered(_ name: String, list: String, as other: String?, _ number: (Int) -> Int) -> String {
    let parts = name.split(separator: ".").map(String.init)
    guard parts.count > 1, parts[0] == list, let index = Int(parts[1]) else { return name }
    return ((other.map { [$0] } ?? []) + ["\(number(index))"] + parts.dropFirst(2)).joined(separator: ".")
}
