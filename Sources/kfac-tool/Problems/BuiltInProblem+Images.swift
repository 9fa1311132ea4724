import KFAC
import TorchNN
import Training

extension BuiltInProblem {
    /// A convolutional network that tells the classes of Fashion-MNIST apart.
    static let convolutional: BuiltInProblem = .init(
        name: "fashion-mnist-cnn", summary: "three 3x3 convolutions and a linear layer classify the images",
        epochs: 2, batchSize: 256,
        images: .mnist(sizes: "square ones from 8 x 8 to") { $0 == $1 && $0 >= 8 },
        options: ["--layout", "--precision"],
        kfac: .smallBatches
    ) { source, generator in
        let model = ConvNet(
            channels: [source.imageShape[0], 32, 64, 128], imageSize: source.imageShape[1], classes: source.classes,
            device: source.device, using: &generator)
        return source.classification(model, using: &generator)
    }

    /// The deep autoencoder of Martens & Grosse 2015.
    static let autoencoder: BuiltInProblem = .init(
        name: "fashion-mnist-autoencoder", summary: "784-1000-500-250-30 and back: Martens & Grosse 2015",
        epochs: 5, batchSize: 1000, images: .mnist(isNormalized: false), options: ["--initialization", "--precision"],
        // In units of the loss, which of an image's 784 pixels is large.
        learningRates: ["kfac": 0.3, "sgd": 0.003], inversePeriods: ["kfac": 5],
        kfac: KFACDefaults {
            $0.stepRule = .quadraticModel
            $0.damping = 0.3
            $0.dampingRule = .adaptive
            $0.dampingDecay = 0.8
            $0.minimumDamping = 0.003
            $0.statisticsFraction = 0.25
            $0.modelFraction = 0.125
            $0.normConstraint = 100
        }
    ) { source, generator in
        let model = Autoencoder(
            [source.imageShape.reduce(1, *), 1000, 500, 250, 30], weight: source.initialization.initializer,
            device: source.device, using: &generator)
        var problem = ImageReconstruction(name: source.title, model: model, task: source.images!)
        problem.mixesPrecision = source.mixesPrecision
        return problem
    }

    /// A recurrent network that reads the images row by row.
    static let rows: BuiltInProblem = .init(
        name: "fashion-mnist-rows", summary: "a recurrent network of 128 tanh units reads an image row by row",
        epochs: 2, batchSize: 256, images: .mnist(sizes: "ones from 2 x 1 to") { height, _ in height >= 2 },
        options: ["--precision"],
        learningRates: ["sgd": 0.03],
        kfac: .smallBatches
    ) { source, generator in
        let model = RowNetwork(
            rowSize: source.imageShape[0] * source.imageShape[2], classes: source.classes, device: source.device,
            using: &generator)
        // W of the recurrent network as a time series, the input's weight with independent steps.
        //
        // After 150 steps, over four seeds, the mean test loss was 0.577; 0.589 and 0.593 with both weights as time
        // series (long series, symmetric lag), 0.604 with neither, which was worse for each seed.
        let choices = LayerChoices(names: ["recurrent": .timeSeries(.symmetricLag)])
        return source.classification(model, choices, using: &generator)
    }

    /// A residual network for CIFAR-10, images in the form of MNIST, or synthetic ones.
    static let residual: BuiltInProblem = .init(
        name: "resnet20", summary: "a residual network of 20 layers on CIFAR-10, other images or synthetic ones",
        epochs: 5, batchSize: 128, images: .cifar, options: ["--augment", "--layout", "--precision"],
        kfac: .smallBatches
    ) { source, generator in
        let model = ResNet(
            depth: 20, channels: source.imageShape[0], classes: source.classes, device: source.device,
            using: &generator)
        return source.classification(model, using: &generator)
    }
}
