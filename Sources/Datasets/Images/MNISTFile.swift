/// One of the four files that a data set in the form of MNIST consists of.
enum MNISTFile: String, CaseIterable {
    case trainingImages = "train-images-idx3-ubyte"
    case trainingLabels = "train-labels-idx1-ubyte"
    case testImages = "t10k-images-idx3-ubyte"
    case testLabels = "t10k-labels-idx1-ubyte"

    /// The four names, for messages.
    static var list: String {
        allCases.dropLast().map(\.rawValue).joined(separator: ", ") + " and " + allCases.last!.rawValue
    }

    /// The SHA-256 of Fashion-MNIST's file (Xiao, Rasul & Vollgraf 2017), decompressed.
    var fashionChecksum: String {
        switch self {
        case .trainingImages: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        case .trainingLabels: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        case .testImages: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        case .testLabels: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        }
    }
}
