# Weights of PyTorch modules, with an input and what they make of it.
import sys, torch, torch.nn as nn, torch.nn.functional as F
from safetensors.torch import save_file
torch.manual_seed(4)
out = sys.argv[1]
class Block(nn.Module):
    def __init__(s, i, o, stride):
        super().__init__()
        s.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False); s.bn1 = nn.BatchNorm2d(o)
        s.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); s.bn2 = nn.BatchNorm2d(o)
        s.downsample = None if stride == 1 and i == o else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
    def forward(s, x):
        y = s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x)))))
        return F.relu(y + (x if s.downsample is None else s.downsample(x)))
class ResNet(nn.Module):
    def __init__(s):
        super().__init__()
        s.conv1 = nn.Conv2d(2, 4, 3, 1, 1, bias=False); s.bn1 = nn.BatchNorm2d(4)
        s.layer1 = nn.Sequential(Block(4, 4, 1)); s.layer2 = nn.Sequential(Block(4, 6, 2), Block(6, 6, 1))
        s.fc = nn.Linear(6, 3)
    def forward(s, x):
        x = s.layer2(s.layer1(F.relu(s.bn1(s.conv1(x)))))
        return s.fc(x.mean((2, 3)))
class VGG(nn.Module):
    def __init__(s, cs):
        super().__init__()
        layers, i = [], 1
        for n, c in enumerate(cs):
            layers += [nn.Conv2d(i, c, 3, padding=1), nn.ReLU()]; i = c
            layers += [nn.MaxPool2d(2)]
        s.features = nn.Sequential(*layers); s.classifier = nn.Linear(i * (8 >> len(cs))**2, 3)
    def forward(s, x): return s.classifier(s.features(x).flatten(1))
class LeNet(nn.Module):
    def __init__(s):
        super().__init__()
        s.conv1 = nn.Conv2d(1, 6, 5, padding=2); s.conv2 = nn.Conv2d(6, 16, 5)
        s.fc1 = nn.Linear(400, 120); s.fc2 = nn.Linear(120, 84); s.fc3 = nn.Linear(84, 10)
    def forward(s, x):
        x = F.avg_pool2d(torch.tanh(s.conv1(x)), 2); x = F.avg_pool2d(torch.tanh(s.conv2(x)), 2).flatten(1)
        return s.fc3(torch.tanh(s.fc2(torch.tanh(s.fc1(x)))))
class Auto(nn.Module):
    def __init__(s):
        super().__init__()
        s.encoder = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
        s.decoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 12))
    def forward(s, x): return s.decoder(s.encoder(x))
cases = {"resnet": (ResNet(), (5, 2, 8, 8)), "convnet": (VGG([4, 6]), (5, 1, 8, 8)), "lenet5": (LeNet(), (2, 1, 28, 28)), "autoencoder": (Auto(), (5, 12))}
for name, (model, shape) in cases.items():
    x = torch.randn(shape)
    model.train(); model(torch.randn(shape)); model.eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1: p.add_(0.1 * torch.randn_like(p))
        y = model(x)
    save_file(dict(model.state_dict()), f"{out}/{name}.safetensors")
    save_file({"input": x, "output": y.contiguous()}, f"{out}/{name}-values.safetensors")
