"""The Python API, whose names `blindsight` exports; nothing else imports this package.

compile    networks → plans
plans      plans and heads from files, and plans sealed for a key set
keys       key sets: frames → ciphertexts, encrypted scores → labels
evaluator  ciphertexts → encrypted scores, without any secret
device     a device in a thread of the program, which hands it frames
console    a site's console in a thread of the program
running    that thread, and what ended it
settings   what a program gives, as settings of the services
export     PyTorch modules → ONNX files
"""
