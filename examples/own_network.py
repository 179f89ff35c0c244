"""From a network in PyTorch to an encrypted label. Needs: pip install torch onnx onnxscript"""

import numpy as np
import torch
from torch import nn

import blindsight as bs

# Frames of two kinds: bright at the top, or at the bottom.
random = np.random.default_rng(0)
frames = random.integers(0, 120, (400, 12, 12), dtype=np.uint8)
truth = random.integers(0, 2, 400)
frames[truth == 0, :6] += 100
frames[truth == 1, 6:] += 100

net = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(100, 16), nn.ReLU(), nn.Linear(16, 2))
inputs, targets = torch.tensor(frames[:, None] / 255, dtype=torch.float32), torch.tensor(truth)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(60):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(inputs), targets).backward()
    optimizer.step()

# Whoever has the network compiles it, for frames like these.
plan = bs.compile(net, frames, labels=["top", "bottom"])

# Whoever has the camera makes the keys, and encrypts.
keys = bs.KeySet.create(plan)
burst = keys.encrypt(frames[:1])

# Anybody evaluates: with the plan and the evaluation keys, without any secret.
scores = bs.Evaluator(plan, keys.evaluation).evaluate(burst)

# Only the keys' holder learns the label.
print(keys.decrypt(scores).labels[0])
