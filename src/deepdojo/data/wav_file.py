"""temporary"""
from __future__ import annotations
import io, wave
import numpy as np
from deepdojo.errors import DataError

def decode_wav(cell):
    data = cell if isinstance(cell, bytes) else cell.read()
    try:
        with wave.open(io.BytesIO(data)) as f:
            n,r,c=f.getnframes(),f.getframerate(),f.getnchannels(); raw=f.readframes(n)
    except Exception as e: raise DataError(f"no wav ({e})")
    x=np.frombuffer(raw,'<i2').astype(np.float32)/32768
    if c>1: x=x.reshape(-1,c).mean(1)
    if not len(x): raise DataError("the sound has no samples")
    return x,r

def encode_wav(x,rate):
    out=io.BytesIO()
    with wave.open(out,'wb') as f:
        f.setnchannels(1);f.setsampwidth(2);f.setframerate(rate); f.writeframes(np.clip(np.rint(np.asarray(x)*32767),-32768,32767).astype('<i2').tobytes())
    return out.getvalue()
def resample(x,rate,to): 
    assert rate==to; return x

def check_wav(file):
    import struct
    head=file.read(12)
    if len(head)<12 or head[:4]!=b'RIFF' or head[8:]!=b'WAVE': raise DataError("this is no WAV file" if head else "the sound's file is empty")
    while True:
        h=file.read(8)
        if len(h)<8: raise DataError("the sound is cut off before its samples")
        k,n=h[:4],struct.unpack('<I',h[4:])[0]
        if k==b'data':
            if n==0: raise DataError("the sound has no samples")
            got=0
            while got<n:
                b=file.read(min(1<<20,n-got))
                if not b: raise DataError(f"the sound is cut off: it has {got:,} of {n:,} bytes")
                got+=len(b)
            return
        file.read(n+(n&1))
